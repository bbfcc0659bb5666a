int wr_add(int a);
